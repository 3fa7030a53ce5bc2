variable "region" {
  type        = string
  description = "The region of the bucket @BUCKET@"
@REGION@
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything that is made"
  default     = {}
}
