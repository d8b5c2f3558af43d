// Command registry is the CNCF distribution registry with the file-system driver only.
//
// Upstream's command links the SDKs of three clouds as well, which more than doubles its build.
package main

import (
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	if err := registry.RootCmd.Execute(); err != nil {
		os.Exit(1)
	}
}
