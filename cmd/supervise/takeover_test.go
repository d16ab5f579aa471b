package main

import (
	"reflect"
	"testing"

	"supervise/internal/carry"
)

// A field that somebody adds to what is carried, and that no other image could read,
// is found here and not in the middle of an upgrade.
func TestTheStateCanBeCarried(t *testing.T) {
	if err := carry.Check(reflect.TypeFor[carried]()); err != nil {
		t.Error(err)
	}
}
