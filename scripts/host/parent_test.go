package host_test

import "fmt"

// parent is another test's process: it starts workers, says so, and waits to be killed.
func parent(worker string) { fmt.Println(worker) }
