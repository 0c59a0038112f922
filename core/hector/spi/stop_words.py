"""Words that say little about what a text is about, English and German."""

from __future__ import annotations

__all__ = ["STOP_WORDS"]

_ENGLISH = """
a about above after again against all also am an and any are aren as at be because been before
being below between both but by can cannot could did do does doing don done down during each
either else etc ever every few for from further get gets got had has have having he her here
hers him his how however i if in into is isn it its itself just let like many may me might more
most much must my no nor not now of off on once one only or other our out over own per please
same shall she should so some such t than that the their them then there these they this those
through thus to too under until up upon us use used uses using very via was way we well were
what when where whether which while who whom whose why will with within without would yes yet
you your yours tell explain describe show give
"""
_GERMAN = """
aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei bin bis
bist da dabei damit dann das dass dein deine dem den denn der des dich die dies diese diesem
diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines er es etwas euch
euer für gegen gibt haben hat hatte hier hin ich ihm ihn ihnen ihr ihre im in indem ist ja jede
jedem jeden jeder jedes jetzt kann kein keine können machen man mein meine mich mir mit muss
nach nicht noch nun nur ob oder ohne sehr sein seine sich sie sind so soll solche sollte sondern
über um und uns unser unter viel vom von vor wann war warum was weil welche welchem welchen
welcher welches wenn wer werde werden wie wieder will wir wird wirst wo wurde würde zu zum zur
zwar zwischen
"""

STOP_WORDS: frozenset[str] = frozenset((_ENGLISH + _GERMAN).split())
