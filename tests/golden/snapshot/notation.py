"""Profiles and snapshots in lines that a person can read and write.

    Patient.identifier:mrn  1..1  MS  type=Identifier(http://x/p)>Patient  slicing=value:system/open

A line is an id, a range if there is one, and words. `A..` leaves max alone, `..B` min. An id's last
slice name is the sliceName. Words:
    MS                      mustSupport
    MOD                     isModifier
    type=A;B(profile)>T1+T2 types, with profiles and targets (short names mean FHIR's own)
    slicing=value:url+pattern:type/open   discriminators, rules
    binding=required:url    strength, value set
    fixedCode="x"           any fixed, pattern, minValue, maxValue, maxLength: JSON
    constraint=a,b          invariant keys
    ref=#Observation.referenceRange       contentReference
    base=Element.id[0..1]   base
"""
import json
import re

CORE = "http://hl7.org/fhir/StructureDefinition/"
VALUES = re.compile(r"^(fixed|pattern|minValue|maxValue)[A-Z]|^maxLength$")


def words(line):
    """Splits at blanks outside JSON strings and brackets."""
    found, word, depth, quoted = [], "", 0, False
    for c in line:
        quoted ^= c == '"'
        if not quoted:
            depth += (c in "{[") - (c in "}]")
        if c == " " and not depth and not quoted:
            found += [word] if word else []
            word = ""
        else:
            word += c
    return found + ([word] if word else [])


def url(name):
    return name if "/" in name else CORE + name


def short(name):
    return name.removeprefix(CORE)


def read_type(text):
    match = re.fullmatch(r"([^(>]+)(?:\(([^)]*)\))?(?:>(.*))?", text)
    code, profiles, targets = match.groups()
    made = {"code": code}
    if profiles:
        made["profile"] = [url(p) for p in profiles.split("+")]
    if targets:
        made["targetProfile"] = [url(t) for t in targets.split("+")]
    return made


def read_slicing(text):
    discriminators, _, rules = text.partition("/")
    made = {"rules": rules or "open"}
    pairs = [d.split(":", 1) for d in discriminators.split("+") if d]
    if pairs:
        made["discriminator"] = [{"type": t, "path": p} for t, p in pairs]
    return made


def read_word(element, word):
    name, _, value = word.partition("=")
    if name in ("MS", "MOD"):
        element["mustSupport" if name == "MS" else "isModifier"] = True
    elif name == "type":
        element["type"] = [read_type(t) for t in value.split(";")]
    elif name == "slicing":
        element["slicing"] = read_slicing(value)
    elif name == "binding":
        strength, _, value_set = value.partition(":")
        element["binding"] = {"strength": strength, "valueSet": value_set}
    elif name == "constraint":
        element["constraint"] = [{"key": k, "severity": "error", "human": k, "expression": "true"}
                                 for k in value.split(",")]
    elif name == "ref":
        element["contentReference"] = value
    elif VALUES.match(name):
        element[name] = json.loads(value)
    elif ".." in word:
        low, high = word.split("..")
        element.update({"min": int(low)} if low else {}, **({"max": high} if high else {}))
    else:
        raise ValueError(f"what is {word!r}?")


def read_element(line):
    ident, *rest = words(line)
    element = {"id": ident, "path": re.sub(r":[^.]+", "", ident)}
    last = ident.split(".")[-1]
    if ":" in last:
        element["sliceName"] = last.split(":", 1)[1]
    for word in rest:
        read_word(element, word)
    return element


def write_type(made):
    text = made["code"].removeprefix("http://hl7.org/fhirpath/")
    if made.get("profile"):
        text += "(" + "+".join(short(p) for p in made["profile"]) + ")"
    if made.get("targetProfile"):
        text += ">" + "+".join(short(t) for t in made["targetProfile"])
    return text


def write_word(element, name):
    value = element[name]
    if name == "type":
        return "type=" + ";".join(map(write_type, value))
    if name == "slicing":
        pairs = "+".join(f"{d['type']}:{d['path']}" for d in value.get("discriminator", []))
        return f"slicing={pairs}/{value['rules']}"
    if name == "binding":
        return f"binding={value['strength']}:{value.get('valueSet', '')}"
    if name == "constraint":
        return "constraint=" + ",".join(c["key"] for c in value)
    if name == "contentReference":
        return "ref=" + short(value)
    if name == "base":
        return f"base={value['path']}[{value['min']}..{value['max']}]"
    return f"{name}={json.dumps(value, separators=(',', ':'))}"


ORDER = ("type", "slicing", "binding", "constraint", "contentReference", "base")


def write_element(element):
    """Every word that the notation has, in one order."""
    parts = [element["id"], f"{element.get('min', '')}..{element.get('max', '')}"]
    parts += ["MS"] if element.get("mustSupport") else []
    parts += ["MOD"] if element.get("isModifier") else []
    parts += [write_word(element, n) for n in ORDER if n in element]
    parts += [write_word(element, n) for n in element if VALUES.match(n)]
    return parts
