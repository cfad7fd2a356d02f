// Command stile is a customer identity server whose heart is a workflow engine. See README.md.
package main

import (
	"os"

	"github.com/stile-id/stile/scripts/worker"
	"github.com/stile-id/stile/server/command"
)

func main() {
	// A hook worker is started often and must be small: it never gets as far as the command line.
	if len(os.Args) == 2 && os.Args[1] == "hook-worker" {
		if err := worker.Main(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(command.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
