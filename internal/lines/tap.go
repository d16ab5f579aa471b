package lines

// Listener hears output as it is read, in pieces of any size, until it says that
// it has heard enough. It must not block: output waits meanwhile.
type Listener interface {
	Hear(chunk []byte) (enough bool)
	// Heard is what it keeps of what it has heard, to be carried over an exec.
	Heard() *Heard
}

// Heard is the beginning of a line.
type Heard struct {
	Line []byte
	Skip bool // the rest of it is not wanted
}

// Tap is a listener; the zero Tap is none.
type Tap struct{ Listener }

// NewTap makes the tap of one stream: lines of two are not to be mixed. Nil makes
// none.
type NewTap func() Listener

// Make makes a tap, or none.
func (n NewTap) Make() Tap {
	if n == nil {
		return Tap{}
	}
	return Tap{n()}
}

// Hear gives a chunk to the tap, and gives the tap that is to hear the next.
func (t Tap) Hear(chunk []byte) Tap {
	if t.Listener == nil || t.Listener.Hear(chunk) {
		return Tap{}
	}
	return t
}

// Heard is that of its listener; nil: there is none.
func (t Tap) Heard() *Heard {
	if t.Listener == nil {
		return nil
	}
	return t.Listener.Heard()
}
