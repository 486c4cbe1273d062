"""A chat product: sessions with an assistant, uploads, and the newer conversations."""
