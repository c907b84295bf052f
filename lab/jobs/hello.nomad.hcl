# The lab's sample job: one HTTP server in a container on a bridge network, registered in Consul.
# `make up` submits it with the variables filled in. By hand:
#   nomad job run -var image_url=... -var image_sha256=... lab/jobs/hello.nomad.hcl

variable "image_url" {
  type        = string
  description = "Image tar in the cluster's bucket: s3::https://<bucket>.s3.<region>.amazonaws.com/<key>"
}

variable "image_sha256" {
  type        = string
  description = "Its SHA-256, from the bucket's manifest"
}

variable "image" {
  type        = string
  default     = "quorate/hello:1"
  description = "Name that the tar gives the image; any tag but `latest`, which would be looked for in a registry"
}

job "hello" {
  datacenters = ["*"]
  node_pool   = "all"

  group "web" {
    count = 1

    network {
      mode = "bridge"
      port "http" {
        to = 8080
      }
    }

    service {
      name     = "hello"
      port     = "http"
      provider = "consul"

      check {
        type     = "http"
        path     = "/"
        interval = "5s"
        timeout  = "2s"
      }
    }

    task "httpd" {
      driver = "docker"

      # By the instance's role. As a file: in the default mode the getter lists the bucket first, which no node may.
      artifact {
        source      = var.image_url
        mode        = "file"
        destination = "local/image.tar"
        options {
          archive  = "false"
          checksum = "sha256:${var.image_sha256}"
        }
      }

      config {
        image = var.image
        load  = "image.tar"
        ports = ["http"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
