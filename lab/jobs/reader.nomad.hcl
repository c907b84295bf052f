# Reads a secret of Vault and serves it over HTTP, registered in Consul, with no token in its file: Nomad signs who it
# is, and Vault and Consul believe Nomad. Its secret is its own: `vault kv put secret/default/reader word=...`.
# The variables are those of hello.nomad.hcl.

variable "image_url" {
  type = string
}

variable "image_sha256" {
  type = string
}

job "reader" {
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
      name     = "reader"
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

      vault {}

      template {
        data        = <<-EOT
          {{ with secret (printf "secret/data/%s/%s" (env "NOMAD_NAMESPACE") (env "NOMAD_JOB_ID")) -}}
          {{ .Data.data.word }}
          {{- end }}
        EOT
        destination = "local/www/index.html"
      }

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
        image      = "quorate/hello:1"
        load       = "image.tar"
        entrypoint = ["/bin/sh", "-c", "trap 'exit 0' TERM INT; httpd -f -p 8080 -h /local/www & wait $!"]
        ports      = ["http"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
