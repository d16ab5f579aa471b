// Command gosleep is the floor of a Go program: it sleeps until it is killed, or,
// with any argument, ends at once.
package main

import (
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		return
	}
	time.Sleep(1<<63 - 1)
}
