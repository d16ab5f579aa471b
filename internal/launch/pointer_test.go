package launch

import "unsafe"

// uintptrOf is for a prctl that writes to an int of the kernel's, which is the
// lower half of ours.
func uintptrOf(p *int) uintptr { return uintptr(unsafe.Pointer(p)) }
