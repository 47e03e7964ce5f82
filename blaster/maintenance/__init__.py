"""What an installation needs now and then: old campaigns archived, tables pruned, counters checked, statistics renewed.

Everything goes in small steps that can stop and go on anywhere, by several hosts at once, while mails go out.
"""
