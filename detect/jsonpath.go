package detect

import (
	"encoding/json"
	"strconv"
	"strings"
)

// jsonExtract returns what a path such as a.b[0] leads to in a JSON text, as it
// is written there; a text without its quotes. It is empty if there is nothing.
func jsonExtract(blob, path string) string {
	if !strings.HasPrefix(path, "[") {
		path = strings.ReplaceAll(path, "[", ".[")
	}
	at := json.RawMessage(blob)
	for key := range strings.SplitSeq(path, ".") {
		if at = jsonChild(at, key); at == nil {
			return ""
		}
	}
	text := strings.TrimSpace(string(at))
	if len(text) >= 2 && text[0] == '"' {
		return text[1 : len(text)-1]
	}
	return text
}

func jsonChild(at json.RawMessage, key string) json.RawMessage {
	if index, ok := strings.CutPrefix(key, "["); ok {
		var list []json.RawMessage
		i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if err != nil || json.Unmarshal(at, &list) != nil || i < 0 || i >= len(list) {
			return nil
		}
		return list[i]
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(at, &object) != nil {
		return nil
	}
	return object[key]
}
