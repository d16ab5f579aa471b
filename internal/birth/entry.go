//go:build amd64 || arm64

package birth

// entry is where the program begins. It is never called from Go.
//
//lint:ignore U1000 the linker refers to it
func entry()

// release gives Go's runtime its own sigaction(2) back.
func release()
