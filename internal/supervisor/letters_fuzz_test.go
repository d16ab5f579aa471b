package supervisor

import "testing"

// FuzzLetters: whatever is written to the pipe of a service, the machine takes it,
// and asks for nothing that the world does not have.
func FuzzLetters(f *testing.F) {
	f.Add([]byte("dudtx"), "utd")
	f.Add([]byte("pcohai12qkx"), "f")
	f.Add([]byte("\x00\xffu\n"), "")
	f.Fuzz(func(t *testing.T, letters []byte, scripts string) {
		w := newRunitWorld(scripts, t.Fatalf)
		for _, c := range letters[:min(len(letters), 64)] {
			w.set.Letter(0, c, w.now)
			w.carryOut()
		}
	})
}
