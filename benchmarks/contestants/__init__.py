"""Who is compared: this library, the media by hand, and others."""
