  viewer_certificate {
    acm_certificate_arn      = "@CERTIFICATE@"
    minimum_protocol_version = "TLSv1.2_2021"
    ssl_support_method       = "sni-only"
  }
}
