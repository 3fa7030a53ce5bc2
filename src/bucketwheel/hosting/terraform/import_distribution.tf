
import {
  to = aws_cloudfront_distribution.index
  id = "@DISTRIBUTION@"
}
