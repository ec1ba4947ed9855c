"""Words of headers in English, German, French and Russian, and gases by name: data, no code."""

from __future__ import annotations

from egams.io.tables.units import Quantity

WORDS: dict[Quantity, str] = {
    "time": r"time|t|rt|rtime|reltime|timestamp|elapsed|runtime|sec|secs|seconds?|mins?|minutes?"
    r"|hours?|zeit|\w*zeit|stunden?|temps|duree|datetime|clock|uhrzeit|врем\w*",
    "temp": r"temp|temperat\w*|\w*temperat\w*|ts|tsample|tr|degc|celsius|kelvin|probentemp|темп\w*",
    "m/z": r"mz|mass|masse|masses|massenzahl|massezahl|masszahl|amu|dalton|masscharge|масс\w*",
    "abundance": r"abundances?|intensit\w*|counts?|cps|signal|signale?|current|\w*strom|courant"
    r"|pressure|\w*druck|pression|ioncurrent|haufigkeit|abondance|интенс\w*|ток",
}
"""Whole words of a header, without capitals and accents, that name each column of a run."""

SAMPLE = r"sample|probe|proben\w*|echantillon|ts|tsample|specimen|образ\w*"
OVEN = (
    r"oven|furnace|ofen\w*|four|heater|pyrolysis|program\w*|setpoint|set|soll\w*|reference|ref|tr"
)
NOT_THE_SAMPLE = (
    r"column|source|quelle|ion|inlet|capillary|kapillar\w*|transfer|line|manifold|trap|ambient"
    r"|room|raum|cold|cooling|gas|valve|detector|wrp|block"
)
"""Temperatures of other parts of an instrument."""

RELATIVE = r"relative|rel|reltime|elapsed|relativ\w*|since"
TOTAL = r"total|tic|sum|gesamt\w*|summe|chamber|kammer"
LOGARITHM = r"log|log10|ln|lg|db|decibel"

_OF_CHANNELS = (
    "mz m z mass masse masses amu u da th ion ions current ioncurrent intensity intensitat"
    " intensite abundance signal qms qmid mid ms sem far faraday i ic partial pressure pressures"
    " partialdruck ionenstrom ionstrom strom courant counts масса ток"
)
OF_CHANNELS = frozenset(_OF_CHANNELS.split())
"""Words that may stand beside the number in the header of one m/z."""
SAY_MASS = frozenset(["mz", "mass", "masse", "masses", "amu", "u", "da", "th", "qmid", "масса"])
"""Those of them that leave no doubt that the number is an m/z."""

GASES: dict[str, float] = {
    alias: float(mz)
    for mz, aliases in {
        2: "h2 hydrogen wasserstoff hydrogene",
        4: "he helium",
        18: "h2o water wasser eau watervapour watervapor wasserdampf steam вода",
        28: "n2 nitrogen stickstoff azote co carbonmonoxide kohlenmonoxid monoxydedecarbone n2/co"
        " co/n2 nitrogen/carbonmonoxide carbonmonoxide/nitrogen",
        30: "nitricoxide",
        32: "o2 oxygen sauerstoff oxygene",
        34: "h2s hydrogensulfide hydrogensulphide schwefelwasserstoff",
        36: "hcl hydrogenchloride chlorwasserstoff",
        40: "ar argon",
        44: "co2 carbondioxide kohlendioxid kohlenstoffdioxid dioxydedecarbone",
        64: "so2 sulfurdioxide sulphurdioxide schwefeldioxid",
    }.items()
    for alias in aliases.split()
}
"""m/z of gases that are recorded at their molecular ion."""

_ASKED = (
    "ch4 methane methan nh3 ammonia ammoniak ammoniac n2o nitrousoxide no no2 so so3 cl2 chlorine"
    " chlor hf f2 c2h2 c2h4 c2h6 ethane ethene c6h6 benzene benzol ch3oh methanol cos ocs cs2"
    " ne kr xe h2co hcn p4 s2 hbr hydrocarbons voc"
)
ASKED_GASES = frozenset(_ASKED.split())
"""Gases that are recorded at one m/z or another (methane at 15 or 16): asked, not guessed."""
