
import {
  to = aws_s3_bucket.repository
  id = "@BUCKET@"
}
