package carry

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Decode reads into v, a pointer to a zero value of the type that was written.
func Decode(text []byte, v any) (err error) {
	defer func() {
		if p, failed := recover().(*Error); failed {
			err = p
		}
	}()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return err
	}
	into(reflect.ValueOf(v).Elem(), tree, reflect.TypeOf(v).Elem().String())
	return nil
}

// into sets v, which is addressable, to what was read. path is where it is.
func into(v reflect.Value, read any, path string) {
	if v.Type() == timeType {
		t, err := timeOf(text(read, path))
		if err != nil {
			fail("%s: %v", path, err)
		}
		v.Set(reflect.ValueOf(t))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		b, ok := read.(bool)
		expect(ok, v, read, path)
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(number(read, path), 10, v.Type().Bits())
		expect(err == nil, v, read, path)
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(number(read, path), 10, v.Type().Bits())
		expect(err == nil, v, read, path)
		v.SetUint(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(number(read, path), 64)
		expect(err == nil, v, read, path)
		v.SetFloat(n)
	case reflect.String:
		v.SetString(text(read, path))
	case reflect.Pointer:
		intoPointer(v, read, path)
	case reflect.Slice, reflect.Array:
		intoList(v, read, path)
	case reflect.Map:
		intoMap(v, read, path)
	case reflect.Struct:
		intoStruct(v, read, path)
	default:
		fail("%s: %s cannot be carried", path, v.Type())
	}
}

func expect(ok bool, v reflect.Value, read any, path string) {
	if !ok {
		fail("%s: %v is no %s", path, read, v.Type())
	}
}

func number(read any, path string) string {
	n, ok := read.(json.Number)
	if !ok {
		fail("%s: %v is no number", path, read)
	}
	return n.String()
}

func text(read any, path string) string {
	s, ok := read.(string)
	if !ok {
		fail("%s: %v is no string", path, read)
	}
	coded, is := strings.CutPrefix(s, escaped)
	if !is {
		return s
	}
	b, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		fail("%s: %v", path, err)
	}
	return string(b)
}

func intoPointer(v reflect.Value, read any, path string) {
	switch {
	case read == nil:
		v.SetZero()
	case v.Type().Elem() == regexpType:
		r, err := regexp.Compile(text(read, path))
		if err != nil {
			fail("%s: %v", path, err)
		}
		v.Set(reflect.ValueOf(r))
	default:
		v.Set(reflect.New(v.Type().Elem()))
		into(v.Elem(), read, path)
	}
}

func intoList(v reflect.Value, read any, path string) {
	if read == nil {
		v.SetZero()
		return
	}
	if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
		s, ok := read.(string)
		expect(ok, v, read, path)
		b, err := base64.StdEncoding.DecodeString(s)
		expect(err == nil, v, read, path)
		v.SetBytes(b)
		return
	}
	all, ok := read.([]any)
	expect(ok, v, read, path)
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), len(all), len(all)))
	}
	expect(len(all) == v.Len(), v, read, path)
	for i, one := range all {
		into(v.Index(i), one, path+"["+strconv.Itoa(i)+"]")
	}
}

func intoMap(v reflect.Value, read any, path string) {
	if read == nil {
		v.SetZero()
		return
	}
	all, ok := read.(map[string]any)
	expect(ok, v, read, path)
	v.Set(reflect.MakeMap(v.Type()))
	for name, one := range all {
		name = text(name, path)
		key := reflect.New(v.Type().Key()).Elem()
		if key.Kind() == reflect.String {
			key.SetString(name)
		} else {
			into(key, json.Number(name), path)
		}
		value := reflect.New(v.Type().Elem()).Elem()
		into(value, one, path+"["+name+"]")
		v.SetMapIndex(key, value)
	}
}

func intoStruct(v reflect.Value, read any, path string) {
	all, ok := read.(map[string]any)
	expect(ok, v, read, path)
	known := map[string]bool{}
	for _, f := range fields(v.Type()) {
		known[f.Name] = true
		if one, there := all[f.Name]; there {
			into(open(v.FieldByIndex(f.Index)), one, path+"."+f.Name)
		}
	}
	for name := range all {
		if !known[name] {
			fail("%s has a %s, which this version does not know", path, name)
		}
	}
}
