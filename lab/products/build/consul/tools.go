//go:build tools

// Package consul pins the Consul that the lab builds: go.sum holds the hash of every module in it.
package consul

import _ "github.com/hashicorp/consul"
