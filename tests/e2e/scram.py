"""SCRAM-SHA-256 (RFC 5802, RFC 7677) with stored verifiers, and what those who only guess can learn."""
import base64
import contextlib
import hashlib
import hmac
import re
import smtplib
import ssl

from clients import LOGIN
from house import NOBODY, PASSWORD_HASH, case, check, equal, mail, original, wait


def b64(octets):
    return base64.b64encode(octets).decode()


def digest(key, text):
    return hmac.digest(key, text, "sha256")


def verifier(password, salt=b"sixteen octets..", iterations=4096):
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(digest(salted, b"Client Key")).digest()
    return "SCRAM-SHA-256$%d:%s$%s:%s" % (iterations, b64(salt), b64(stored), b64(digest(salted, b"Server Key")))


class Client:
    """The client's side; called by smtplib with each challenge."""

    def __init__(self, login, password, nonce="a-client's-nonce"):
        self.first, self.password, self.nonce = "n=%s,r=%s" % (login, nonce), password, nonce
        self.steps = [self.prove, self.trust]

    def __call__(self, challenge=None):
        return "n,," + self.first if challenge is None else self.steps.pop(0)(challenge.decode())

    def prove(self, challenge):
        nonce, self.salt, self.iterations = re.fullmatch("r=([^,]+),s=([^,]+),i=([0-9]+)", challenge).groups()
        check(nonce.startswith(self.nonce) and len(nonce) >= len(self.nonce) + 20, "nonce: " + nonce)
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(self.salt), int(self.iterations))
        last = "c=biws,r=" + nonce
        message = ",".join([self.first, challenge, last]).encode()
        key = digest(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, digest(hashlib.sha256(key).digest(), message)))
        self.signature = "v=" + b64(digest(digest(salted, b"Server Key"), message))
        return last + ",p=" + b64(proof)

    def trust(self, challenge):
        equal(challenge, self.signature, "the relay's own proof")
        return ""


@contextlib.contextmanager
def session(relay):
    context = ssl.create_default_context(cafile=str(relay.folder / "relay.crt"))
    with smtplib.SMTP_SSL("127.0.0.1", relay.tls_port, context=context, source_address=(NOBODY, 0), timeout=20) as server:
        server.ehlo()
        yield server


def attempt(relay, client):
    """The refusal, or None."""
    with session(relay) as server:
        try:
            server.auth("SCRAM-SHA-256", client)
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code, error.smtp_error
    return None


@case("clients.scram", seconds=60)
def scram(house):
    """the right password gets in, by SCRAM and in the clear; a login that does not exist looks like one that does"""
    sink = house.sink()
    relay = house.relay(sink, start=False)
    passwords = relay.folder / "passwords"
    passwords.write_text("%s:%s\n" % (LOGIN, verifier("secret")))
    relay.start()

    message = mail("by SCRAM")
    with session(relay) as server:
        check("SCRAM-SHA-256" in server.esmtp_features["auth"].split(), "EHLO: %s" % server.esmtp_features)
        equal(server.auth("SCRAM-SHA-256", Client(LOGIN, "secret"))[0], 235, "SCRAM")
        server.sendmail(LOGIN, ["someone@dest.example"], message)
    original(wait("the message", lambda: list(sink.messages))[0].data, message)
    with session(relay) as server:
        server.user, server.password = LOGIN, "secret"
        equal(server.auth("PLAIN", server.auth_plain)[0], 235, "PLAIN")

    known, unknown = Client(LOGIN, "wrong"), Client("nobody@shop.example", "wrong")
    refusal = attempt(relay, known)
    equal(refusal[0], 535, "a wrong password")
    equal(attempt(relay, unknown), refusal, "a login that does not exist")
    equal((len(unknown.salt), unknown.iterations), (len(known.salt), known.iterations), "the look of its salt")
    relay.stop()
    relay.start()
    again = Client("nobody@shop.example", "other")
    attempt(relay, again)
    equal(again.salt, unknown.salt, "its salt in the next process")

    passwords.write_text("%s:%s\nshop/web1:%s\n" % (LOGIN, verifier("secret"), PASSWORD_HASH))
    relay.stop()
    relay.start()
    with session(relay) as server:
        equal(server.esmtp_features["auth"].split(), ["PLAIN", "LOGIN"], "offered where one login could not use SCRAM")
    equal(attempt(relay, Client(LOGIN, "secret"))[0], 504, "SCRAM unasked")
