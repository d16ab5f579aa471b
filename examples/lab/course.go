// Package course carries the texts and programs of the course on signals. See
// README.md here for what each file is.
package course

import "embed"

// Files are the directories of the labs.
//
//go:embed */*.md */*.py */*.json
var Files embed.FS
