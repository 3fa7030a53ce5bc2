
resource "aws_iam_role" "reader" {
  name_prefix        = "reader-"
  description        = "Installs from @PLACE@"
  assume_role_policy = <<-JSON
  @READER_TRUST@
  JSON
}

resource "aws_iam_role_policy" "reader" {
  name   = "read"
  role   = aws_iam_role.reader.id
  policy = <<-JSON
  @READER_POLICY@
  JSON
}
