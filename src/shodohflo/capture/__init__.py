"""Where frames come from: live interfaces and capture files. Bytes in, frames out, nothing decided."""
