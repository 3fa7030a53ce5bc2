
resource "aws_cloudfront_origin_access_control" "index" {
  name                              = "@NAME@"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_function" "index" {
  name                         = "@NAME@"
  comment                      = "Which object answers a request"
  runtime                      = "cloudfront-js-2.0"
  publish                      = true
  key_value_store_associations = @STORES@
  code                         = <<-JAVASCRIPT
  @CODE@
  JAVASCRIPT
}

resource "aws_cloudfront_cache_policy" "index" {
  name        = "@NAME@"
  comment     = "Keep objects for as long as they say"
  min_ttl     = @MIN_TTL@
  default_ttl = @DEFAULT_TTL@
  max_ttl     = @MAX_TTL@
  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_gzip   = true
    enable_accept_encoding_brotli = true
    headers_config {
      header_behavior = "none"
    }
    cookies_config {
      cookie_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_response_headers_policy" "index" {
  name = "@NAME@"
  security_headers_config {
    content_type_options {
      override = true
    }
    content_security_policy {
      content_security_policy = "@CSP@"
      override                = true
    }
  }
  custom_headers_config {
    items {
      header   = "Vary"
      value    = "@VARY@"
      override = true
    }
  }
  cors_config {
    access_control_allow_credentials = false
    access_control_allow_headers {
      items = ["*"]
    }
    access_control_allow_methods {
      items = ["GET", "HEAD"]
    }
    access_control_allow_origins {
      items = ["*"]
    }
    origin_override = true
  }
}

resource "aws_cloudfront_distribution" "index" {
  comment         = "@DESCRIPTION@"
  enabled         = true
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = "PriceClass_100"
  aliases         = @ALIASES@
  origin {
    origin_id                = "bucket"
    domain_name              = aws_s3_bucket.repository.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.index.id
  }
  default_cache_behavior {
    target_origin_id           = "bucket"
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.index.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.index.id
    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.index.arn
    }
  }
  # A 403 stays a 403: it would look like an absent project, and clients would go on to PyPI.
  custom_error_response {
    error_code            = 403
    error_caching_min_ttl = @ERROR_TTL@
  }
  custom_error_response {
    error_code            = 404
    error_caching_min_ttl = @ERROR_TTL@
  }
  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
