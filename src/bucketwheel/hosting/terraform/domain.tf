
resource "aws_route53_record" "index" {
  for_each = toset(["A", "AAAA"])
  zone_id  = "@ZONE@"
  name     = "@DOMAIN@"
  type     = each.value
  alias {
    name                   = aws_cloudfront_distribution.index.domain_name
    zone_id                = aws_cloudfront_distribution.index.hosted_zone_id
    evaluate_target_health = false
  }
}
