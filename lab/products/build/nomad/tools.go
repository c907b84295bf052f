//go:build tools

// Package nomad pins the Nomad that the lab builds: go.sum holds the hash of every module in it.
package nomad

import _ "github.com/hashicorp/nomad"
