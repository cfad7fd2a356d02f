// Command worker is a hook worker and nothing else, for tests: they start it as the server starts itself.
package main

import (
	"fmt"
	"os"

	"github.com/stile-id/stile/scripts/worker"
)

func main() {
	if err := worker.Main(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
