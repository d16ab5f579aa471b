//go:build !(linux && (amd64 || arm64))

package signals

import "errors"

// errNoHold says where signals cannot be held.
var errNoHold = errors.New("signals cannot be held back on this architecture, only on amd64 and arm64")

// Hold would keep every signal from this process.
func (r *Receiver) Hold() error { return errNoHold }

// Release would end Hold.
func (r *Receiver) Release() error { return nil }

// ReceiveAgain would be [Receive] after an exec.
func ReceiveAgain(Dispositions) (*Receiver, error) { return nil, errNoHold }
