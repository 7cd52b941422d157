//! Records by what an expression says of them: Debezium's `Filter` and `ContentBasedRouter`, their conditions written
//! in the Common Expression Language.
//!
//! Takes records; gives those whose condition is true, or each with the topic that its expression names. A record's
//! values go into an expression and never out of it, not even into an error.

use std::collections::HashMap;

use cel::{Context, ExecutionError, Value};

use super::error::Problem;
use super::message::{Message, Part, Text};
use crate::config::transforms::{ContentRoute, Expression, Filter, NullMode};

/// Whether a record goes on.
pub(super) fn filter<'a>(
    options: &Filter,
    message: Message<'a>,
) -> Result<Option<Message<'a>>, Problem> {
    if let Some(goes_on) = without_value(options.nulls, &message) {
        return Ok(goes_on.then_some(message));
    }
    let Value::Bool(goes_on) = evaluate(&options.condition, &message)? else {
        return Err(expression("its value is neither true nor false"));
    };
    Ok(goes_on.then_some(message))
}

/// A record with the topic that the expression names, if it names one.
pub(super) fn content_route<'a>(
    options: &ContentRoute,
    mut message: Message<'a>,
) -> Result<Option<Message<'a>>, Problem> {
    if let Some(goes_on) = without_value(options.nulls, &message) {
        return Ok(goes_on.then_some(message));
    }
    let value = evaluate(&options.topic, &message)?;
    if let Value::String(topic) = value {
        message.topic = Text::Owned(topic.to_string());
    } else if value != Value::Null {
        return Err(expression("its value is neither a text nor null"));
    }
    Ok(Some(message))
}

/// Whether a record without a value goes on as it is; `None` where the expression is to say so, and for all others.
fn without_value(mode: NullMode, message: &Message<'_>) -> Option<bool> {
    let goes_on = match mode {
        NullMode::Keep => true,
        NullMode::Drop => false,
        NullMode::Evaluate => return None,
    };
    message.is_null().then_some(goes_on)
}

fn evaluate(expression: &Expression, message: &Message<'_>) -> Result<Value, Problem> {
    let mut context = Context::default();
    let uses = |name: &str| expression.uses.iter().any(|used| used == name);
    for (name, part) in [("value", &message.value), ("key", &message.key)] {
        if uses(name) {
            context.add_variable_from_value(name, of_part(part.as_ref())?);
        }
    }
    if uses("topic") {
        context.add_variable_from_value("topic", message.topic.to_string());
    }
    if uses("header") {
        let mut headers: HashMap<String, Value> = HashMap::new();
        for (name, value) in &message.extra.headers {
            let value =
                of_json(serde_json::from_str(value.json()).map_err(|_| Problem::Malformed)?);
            let header = HashMap::from([("value".to_owned(), value)]);
            headers.insert(name.to_string(), Value::from(header));
        }
        context.add_variable_from_value("header", headers);
    }
    expression
        .program
        .execute(&context)
        .map_err(|error| told(&error))
}

fn of_part(part: Option<&Part<'_>>) -> Result<Value, Problem> {
    match part {
        Some(part) => {
            let json = serde_json::from_str(&part.payload).map_err(|_| Problem::Malformed)?;
            Ok(of_json(json))
        }
        None => Ok(Value::Null),
    }
}

fn of_json(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::UInt(number),
            (None, None) => number.as_f64().map_or(Value::Null, Value::Float),
        },
        serde_json::Value::Array(items) => {
            Value::from(items.into_iter().map(of_json).collect::<Vec<Value>>())
        }
        serde_json::Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| (name, of_json(value)));
            Value::from(members.collect::<HashMap<String, Value>>())
        }
    }
}

/// What went wrong, without the values that went in.
fn told(error: &ExecutionError) -> Problem {
    if let ExecutionError::UndeclaredReference(name) = error {
        return expression(&format!("{name:?} is no variable and no function"));
    }
    if let ExecutionError::NoSuchKey(_) = error {
        return expression("it names a member that is not there; has(value.after.x) asks for one");
    }
    if let ExecutionError::NoSuchOverload(_)
    | ExecutionError::UnexpectedType { .. }
    | ExecutionError::ValuesNotComparable(..)
    | ExecutionError::UnsupportedBinaryOperator(..) = error
    {
        return expression("an operator or a function in it does not take what it is given");
    }
    expression("it cannot be evaluated")
}

fn expression(reason: &str) -> Problem {
    Problem::Expression {
        reason: reason.to_owned(),
    }
}
