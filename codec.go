package tutti

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// encode returns v as compact JSON: encoding/json compacts what a type's own MarshalJSON returns.
func encode(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return data, nil
}

// decode reads what came from outside, where absent data stands for the zero value.
func decode(data []byte, into any) error {
	if len(data) == 0 {
		return nil
	}
	return json.Unmarshal(data, into)
}

// decodeStored reads what the platform stored, which is never empty.
func decodeStored(data []byte, into any) error { return json.Unmarshal(data, into) }

// invalid returns the rejection of data that does not decode, in the words of JSON and not of Go.
func invalid(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return Reject("invalid", err.Error())
	}
	field := wrong.Field
	if field == "" {
		field = "data"
	}
	return Reject("invalid", fmt.Sprintf("%s: want %s, got %s", field, jsonKind(wrong.Type), wrong.Value))
}

func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Int8, reflect.Int16, reflect.Int32:
		half := int64(1) << (t.Bits() - 1)
		return fmt.Sprintf("a whole number from %d to %d", -half, half-1)
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return "a whole number from 0"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Slice, reflect.Array:
		return "an array"
	default:
		return "an object"
	}
}
