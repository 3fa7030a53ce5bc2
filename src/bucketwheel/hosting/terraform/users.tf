
resource "aws_cloudfront_key_value_store" "users" {
  name    = "@NAME@"
  comment = "Who may install: SALT:DIGEST by name"
}
