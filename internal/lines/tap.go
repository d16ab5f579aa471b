package lines

// Tap hears output as it is read, in pieces of any size, until it says that it
// has heard enough. It must not block: output waits meanwhile.
type Tap func(chunk []byte) (enough bool)

// NewTap makes the tap of one stream: lines of two are not to be mixed. Nil makes
// none.
type NewTap func() Tap

// Make makes a tap, or none.
func (n NewTap) Make() Tap {
	if n == nil {
		return nil
	}
	return n()
}

// Hear gives a chunk to the tap, and gives the tap that is to hear the next.
func (t Tap) Hear(chunk []byte) Tap {
	if t == nil || t(chunk) {
		return nil
	}
	return t
}
