package slim

import "unsafe"

// mapping is the memory from one address to another, which nobody moves.
func mapping(from, to uintptr) []byte {
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&from))), to-from)
}
