"""What tests share: real servers, real archives, real clients."""
