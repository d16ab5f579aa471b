package test

import (
	"io"
	"os"
	"path/filepath"
)

// roles are the programs that the test binary can be, by the name that it is
// called with.
var roles = map[string]func(){
	"probe":        playProbe,       // a supervised program that tells what happens to it
	"as-init":      playAsInit,      // makes a new PID namespace fit to live in
	"as-container": playAsContainer, // makes a container, where no runtime does
	"masked":       playMasked,      // starts a program with signals blocked
	"closing":      playClosing,     // starts a program with standard streams closed
	"listing":      playListing,     // lists its own descriptors
	"caller":       playCaller,      // asks for something at a control socket
	"writer":       playWriter,      // writes numbered lines and kills itself at random
	"speaker":      playSpeaker,     // says something of a service, as sd_notify(3) does
	"turncoat":     playTurncoat,    // a new binary that cannot take over after all
	"counter":      playCounter,     // writes numbered lines in halves until TERM
	"served":       playServed,      // serves at the sockets that it is given
	"janitor":      playJanitor,     // cleans up when the test binary has died
	"runit-player": playRunitScenes, // plays scenes with runit and with us
}

// stageDir holds the programs, each under the name of its role.
var stageDir string

// castRoles puts the test binary into dir under the name of each role. Users
// without rights can execute it there.
func castRoles(dir string) error {
	stageDir = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	first := ""
	for name := range roles {
		path := filepath.Join(dir, name)
		if first != "" {
			if err := os.Link(first, path); err != nil {
				return err
			}
			continue
		}
		if err := copyProgram(path, self); err != nil {
			return err
		}
		first = path
	}
	return nil
}

func copyProgram(path string, from io.Reader) error {
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}

// program is the path of the program that plays a role.
func program(role string) string { return filepath.Join(stageDir, role) }
