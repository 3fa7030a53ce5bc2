
resource "aws_cloudfront_key_value_store" "users" {
  name    = "@NAME@"
  comment = "Who may install; changed by bucketwheel user"
}
