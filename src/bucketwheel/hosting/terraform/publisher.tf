
resource "aws_iam_role" "publisher" {
  name_prefix        = "publisher-"
  description        = "Publishes to @PLACE@"
  assume_role_policy = <<-JSON
  @PUBLISHER_TRUST@
  JSON
}

resource "aws_iam_role_policy" "publisher" {
  name   = "publish"
  role   = aws_iam_role.publisher.id
  policy = <<-JSON
  @PUBLISHER_POLICY@
  JSON
}
