package detect

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// maxMembers is how many keys, values and brackets of JSON are read. Reading more takes too
// long for what it gives.
const maxMembers = 1024

// eachMember calls f for the members of JSON objects whose values are strings, numbers or
// booleans, at any depth. It stops at the end of the text or at an error.
func eachMember(text []byte, f func(key, value string)) { eachValue(text, f, nil) }

// eachValue is eachMember, and also calls item for strings in an array, with the name of the
// member that holds the array.
func eachValue(text []byte, f, item func(key, value string)) {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	var objects []bool // the open brackets: true for an object, false for an array
	key, named := "", false
	for range maxMembers {
		token, err := in.Token()
		if err != nil {
			return
		}
		if d, ok := token.(json.Delim); ok {
			if named = false; d == '{' || d == '[' {
				objects = append(objects, d == '{')
			} else {
				objects = objects[:len(objects)-1]
			}
			continue
		}
		name, isText := token.(string)
		switch number, isNumber := token.(json.Number); {
		case len(objects) == 0 || !objects[len(objects)-1]:
			if isText && item != nil {
				item(key, name)
			}
		case !named:
			key, named = name, true
			continue
		case isText:
			f(key, name)
		case isNumber:
			f(key, number.String())
		default:
			if is, ok := token.(bool); ok {
				f(key, strconv.FormatBool(is))
			}
		}
		named = false
	}
}
