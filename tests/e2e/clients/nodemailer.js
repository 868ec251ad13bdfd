// Sends what the job on standard input says with Nodemailer; prints the reply, or the error as a program would log it.
const { readFileSync } = require("node:fs");

const job = JSON.parse(readFileSync(0, "utf8"));
const nodemailer = require(job.library);

const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: job.port,
  localAddress: job.source,
  secure: job.tls === "implicit",
  requireTLS: job.tls === "starttls",
  ignoreTLS: job.tls === "off",
  tls: { ca: readFileSync(job.authority) },
  auth: job.password ? { user: job.login, pass: job.password } : undefined,
});
const mail = { envelope: { from: job.sender, to: job.recipients }, raw: readFileSync(job.message) };
transport.sendMail(mail).then(
  (info) => console.log(info.response),
  (error) => {
    console.log(String(error));
    process.exitCode = 1;
  },
);
