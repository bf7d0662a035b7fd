package detect

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxPath is the largest number of steps in a path. Each step reads everything below it.
const maxPath = 64

// jsonExtract returns the value at a path such as a.b[0] in a JSON text, as it is written
// there, but a string without its quotes. It returns an empty text if there is nothing.
func jsonExtract(blob, path string) string {
	text := strings.TrimSpace(string(jsonFind(blob, path)))
	if len(text) >= 2 && text[0] == '"' {
		return text[1 : len(text)-1]
	}
	return text
}

// jsonFind returns the value at the path, or nil.
func jsonFind(blob, path string) json.RawMessage {
	if !strings.HasPrefix(path, "[") {
		path = strings.ReplaceAll(path, "[", ".[")
	}
	if strings.Count(path, ".") >= maxPath {
		return nil
	}
	at := json.RawMessage(blob)
	for key := range strings.SplitSeq(path, ".") {
		if at = jsonChild(at, key); at == nil {
			return nil
		}
	}
	return at
}

// jsonText returns the string at a key of an object, with its escapes decoded.
func jsonText(blob, key string) (text string) {
	if json.Unmarshal(jsonChild(json.RawMessage(blob), key), &text) != nil {
		return ""
	}
	return text
}

// jsonValue returns the value at the path, or nil if it has another type.
func jsonValue[T any](blob, path string) (value T) {
	if json.Unmarshal(jsonFind(blob, path), &value) != nil {
		var none T
		return none
	}
	return value
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
