package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// plain returns err as text instead of JSON. If no server listens, it says what to do.
func plain(err error) error {
	var said struct{ Error string }
	text := err.Error()
	if i := strings.IndexByte(text, '{'); i >= 0 && json.Unmarshal([]byte(text[i:]), &said) == nil && said.Error != "" {
		return errors.New(said.Error)
	}
	if strings.Contains(text, "refused") || strings.Contains(text, "no such file") { // Caddy keeps only the text of the cause
		return fmt.Errorf("%w: no server listens there. Start the server, and remove admin off from its config. "+
			"If the config has admin ADDRESS, pass --address ADDRESS or --config FILE", err)
	}
	return err
}
