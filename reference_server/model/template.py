"""The chat template of the scripted model, in the dialect that llama.cpp and its servers read."""

ROLES = ("<|user|>", "<|system|>", "<|tool|>", "<|assistant|>")
END = "<|end|>"

# Tools are written in capitals, so that a word in one of them triggers no script.
TEMPLATE = """\
{%- if tools %}<|system|># Tools
You may call one or more functions. <tools>
{%- for t in tools %}
{{ t | tojson | upper }}{% endfor %}
</tools>
For each function call return a json object within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|end|>{%- endif %}
{%- for m in messages %}<|{{ m.role }}|>{{ m.content or "" }}
{%- if m.tool_calls %}{% for c in m.tool_calls %}
<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{% endfor %}{% endif %}<|end|>{% endfor %}
{%- if add_generation_prompt %}<|assistant|>{% endif %}"""
