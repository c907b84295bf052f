//go:build tools

// Package vault pins the Vault that the lab builds: go.sum holds the hash of every module in it.
package vault

import _ "github.com/hashicorp/vault"
