#!/usr/bin/env python3
"""Makes the types of the Python and Node.js packages from schema/host.schema.json; with --check, only compares.

Written here because the usual generators name the variants of tagged unions by number and differ between the two
languages; both files have the same names, in the same order, with the documentation of the Rust types.
"""

import json
import keyword
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schema/host.schema.json"
WIDTH = 116


def pascal(text):
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", text) if part)


class Model:
    """Every definition by name; unions of objects get a name for each variant."""

    def __init__(self, definitions):
        self.objects, self.aliases = {}, {}
        for name, schema in definitions.items():
            self.define(pascal(name), schema)

    def define(self, name, schema):
        variants = schema.get("oneOf") or schema.get("anyOf")
        if variants and not all("const" in v or "enum" in v for v in variants):
            self.aliases[name] = (schema, [self.variant(name, schema, v) for v in variants])
        elif "properties" in schema and schema.get("type") == "object":
            self.objects[name] = schema
        else:
            self.aliases[name] = (schema, None)

    def variant(self, name, parent, schema):
        properties = schema.get("properties")
        if not properties:
            return schema
        tags = [p["const"] for p in properties.values() if isinstance(p, dict) and "const" in p]
        tag = tags[0] if tags else next(iter(properties))
        # Fields that all variants share stand beside them.
        merged = dict(schema)
        merged["properties"] = {**parent.get("properties", {}), **properties}
        merged["required"] = [*parent.get("required", []), *schema.get("required", [])]
        self.objects[name + pascal(tag)] = merged
        return {"$ref": "#/$defs/" + name + pascal(tag)}


def union(parts):
    return " | ".join(dict.fromkeys(parts))


class Python:
    comment = "# "

    def type(self, schema):
        if schema is True or schema == {}:
            return "Any"
        if "$ref" in schema:
            return pascal(schema["$ref"].rsplit("/", 1)[1])
        if "const" in schema:
            return f"Literal[{json.dumps(schema['const'])}]"
        if "enum" in schema:
            return union("None" if v is None else f"Literal[{json.dumps(v)}]" for v in schema["enum"])
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return union(self.type(part) for part in schema[key])
        if "allOf" in schema:
            return self.type(schema["allOf"][0])
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return union(self.type({**schema, "type": kind}) for kind in kinds)
        if kinds == "array":
            if "prefixItems" in schema:
                return "tuple[" + ", ".join(self.type(item) for item in schema["prefixItems"]) + "]"
            return f"list[{self.type(schema.get('items', True))}]"
        if kinds == "object":
            return f"dict[str, {self.type(schema.get('additionalProperties', True) or True)}]"
        return {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}.get(kinds, "Any")

    def doc(self, text, indent):
        if not text:
            return []
        text = text.replace("\\", "\\\\").replace('"""', "'''")
        lines = [l for p in text.split("\n") for l in textwrap.wrap(p, WIDTH - len(indent)) or [""]]
        if len(lines) == 1 and len(lines[0]) + len(indent) + 6 <= WIDTH:
            return [f'{indent}"""{lines[0]}"""']
        return [f'{indent}"""{lines[0]}', *[(indent + l).rstrip() for l in lines[1:]], f'{indent}"""']

    def fields(self, properties, names):
        out = []
        for name in names:
            out.append(f"    {name}: {self.type(properties[name])}")
            if isinstance(properties[name], dict):
                out.extend(self.doc(properties[name].get("description"), "    "))
        return out

    def object(self, name, schema):
        properties, required = schema["properties"], set(schema.get("required", []))
        if any(keyword.iskeyword(p) or not p.isidentifier() for p in properties):
            # No class can have such fields, but it can inherit them.
            def form(suffix, wanted, total):
                body = [f"    {json.dumps(p)}: {json.dumps(self.type(k))}," for p, k in properties.items() if wanted(p)]
                return [f'_{name}{suffix} = TypedDict("_{name}{suffix}", {{', *body, "})" if total else "}, total=False)"]
            return [
                *form("", lambda p: p in required, True), *form("Rest", lambda p: p not in required, False), "", "",
                f"class {name}(_{name}, _{name}Rest):", *self.doc(schema.get("description"), "    "),
            ]
        need = [p for p in properties if p in required]
        may = [p for p in properties if p not in required]
        doc = self.doc(schema.get("description"), "    ")
        if not may:
            return [f"class {name}(TypedDict):", *doc, *self.fields(properties, need)]
        if not need:
            return [f"class {name}(TypedDict, total=False):", *doc, *self.fields(properties, may)]
        base = f"_{name}"
        return [
            f"class {base}(TypedDict):", *self.fields(properties, need), "", "",
            f"class {name}({base}, total=False):", *doc, *self.fields(properties, may),
        ]

    def alias(self, name, schema, variants):
        kind = union(self.type(v) for v in variants) if variants else self.type(schema)
        line = f'{name}: TypeAlias = "{kind}"' if '"' not in kind else f"{name}: TypeAlias = '{kind}'"
        return [line, *self.doc(schema.get("description"), "")]

    def file(self, model):
        out = ['"""Types of everything that the library takes and gives. Made by scripts/types.py; not to be edited."""',
               "", "from __future__ import annotations", "",
               "from typing import Any, Literal, TypeAlias, TypedDict", ""]
        for name, schema in model.objects.items():
            out += ["", *self.object(name, schema), ""]
        for name, (schema, variants) in model.aliases.items():
            out += ["", *self.alias(name, schema, variants)]
        return "\n".join(out).rstrip() + "\n"


class TypeScript(Python):
    def type(self, schema):
        if schema is True or schema == {}:
            return "unknown"
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return union(json.dumps(v) for v in schema["enum"])
        kinds = schema.get("type")
        if kinds == "array" and "$ref" not in schema:
            if "prefixItems" in schema:
                return "[" + ", ".join(self.type(item) for item in schema["prefixItems"]) + "]"
            return f"Array<{self.type(schema.get('items', True))}>"
        if kinds == "object" and "$ref" not in schema:
            return f"Record<string, {self.type(schema.get('additionalProperties', True) or True)}>"
        simple = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
        if isinstance(kinds, str) and kinds in simple and not any(k in schema for k in ("$ref", "anyOf", "oneOf", "allOf")):
            return simple[kinds]
        found = super().type(schema)
        return "unknown" if found == "Any" else found

    def doc(self, text, indent):
        if not text:
            return []
        text = text.replace("*/", "* /")
        lines = [l for p in text.split("\n") for l in textwrap.wrap(p, WIDTH - len(indent)) or [""]]
        if len(lines) == 1:
            return [f"{indent}/** {lines[0]} */"]
        return [f"{indent}/**", *[f"{indent} * {l}".rstrip() for l in lines], f"{indent} */"]

    def object(self, name, schema):
        required = set(schema.get("required", []))
        out = [*self.doc(schema.get("description"), ""), f"export interface {name} {{"]
        for field, kind in schema["properties"].items():
            if isinstance(kind, dict):
                out.extend(self.doc(kind.get("description"), "  "))
            quoted = field if field.isidentifier() else json.dumps(field)
            out.append(f"  {quoted}{'' if field in required else '?'}: {self.type(kind)};")
        return [*out, "}"]

    def alias(self, name, schema, variants):
        kind = union(self.type(v) for v in variants) if variants else self.type(schema)
        return [*self.doc(schema.get("description"), ""), f"export type {name} = {kind};"]

    def file(self, model):
        out = ["// Types of everything that the library takes and gives. Made by scripts/types.py; not to be edited."]
        for name, schema in model.objects.items():
            out += ["", *self.object(name, schema)]
        for name, (schema, variants) in model.aliases.items():
            out += ["", *self.alias(name, schema, variants)]
        return "\n".join(out) + "\n"


FILES = {"bindings/python/python/pgverse/types.py": Python(), "bindings/node/types.d.ts": TypeScript()}


def main():
    model = Model(json.loads(SCHEMA.read_text())["$defs"])
    wrong = []
    for name, language in FILES.items():
        path, text = ROOT / name, language.file(model)
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text() != text:
                wrong.append(f"{name} does not fit {SCHEMA.relative_to(ROOT)}; run: scripts/types.py")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
