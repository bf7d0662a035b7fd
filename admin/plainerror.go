package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// plain returns err without what is for programs: the admin API answers with JSON.
// If nobody listens it says what to do.
func plain(err error) error {
	var said struct{ Error string }
	text := err.Error()
	if i := strings.IndexByte(text, '{'); i >= 0 && json.Unmarshal([]byte(text[i:]), &said) == nil && said.Error != "" {
		return errors.New(said.Error)
	}
	if strings.Contains(text, "refused") || strings.Contains(text, "no such file") { // Caddy keeps no more of the cause
		return fmt.Errorf("%w: nobody listens there. Is the server running? Does its config say admin off? Then take that out. "+
			"If it has admin ADDRESS, pass --address ADDRESS or --config FILE", err)
	}
	return err
}
