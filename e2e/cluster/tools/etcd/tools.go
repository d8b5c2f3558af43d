//go:build tools

// Package tools pins the commands that e2e.cluster builds from this folder.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
)
