//! What the benches under load share: the built relay as a process, an instant upstream, clients.
//!
//! Benches of single parts (`suite/codec.rs`, …) need none of this.

pub mod floor;
pub mod house;
pub mod load;
pub mod process;
pub mod sink;
mod wire;

/// A message of about `bytes` octets with lines as mail has them, ending with CR LF.
pub fn message(bytes: usize) -> Vec<u8> {
    let mut text = String::from(
        "From: Shop <orders@shop.example>\r\nTo: anna@dest.example\r\nSubject: Your order\r\n\
         Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <4711@shop.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
    );
    let line = "Thank you for your order of two blue lamps, they will leave us on Thursday.\r\n";
    while text.len() < bytes {
        text.push_str(line);
    }
    text.into_bytes()
}
