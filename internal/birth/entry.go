//go:build amd64 || arm64

package birth

// entry is where the program begins. It is never called from Go.
//
//lint:ignore U1000 the linker refers to it
func entry()
