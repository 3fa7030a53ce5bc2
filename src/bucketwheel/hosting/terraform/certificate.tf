  viewer_certificate {
    cloudfront_default_certificate = true
  }
}
