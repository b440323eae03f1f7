#loc1 = loc("a.py":1:2)
#dot = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>
"builtin.module"() <{sym_name = "m"}> ({
  "func.func"() <{function_type = (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>, sym_name = "main", sym_visibility = "public"}> ({
  ^bb0(%arg0: tensor<4x8xf32> loc("x"), %arg1: tensor<8x2xf32>):
    %0 = "stablehlo.dot_general"(%arg0, %arg1) <{dot_dimension_numbers = #dot}> : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32> loc(#loc1)
    %1 = "stablehlo.constant"() <{value = dense<"0x0000803F"> : tensor<f32>}> : () -> tensor<f32>
    %2:2 = "stablehlo.while"(%1, %0) ({
    ^bb0(%a: tensor<f32>, %b: tensor<4x2xf32>):
      %c = "stablehlo.compare"(%a, %1) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
      "stablehlo.return"(%c) : (tensor<i1>) -> ()
    }, {
    ^bb0(%a: tensor<f32>, %b: tensor<4x2xf32>):
      %c = "stablehlo.add"(%a, %1) : (tensor<f32>, tensor<f32>) -> tensor<f32>
      "stablehlo.return"(%c, %b) : (tensor<f32>, tensor<4x2xf32>) -> ()
    }) : (tensor<f32>, tensor<4x2xf32>) -> (tensor<f32>, tensor<4x2xf32>)
    %3 = "chlo.erf"(%2#1) : (tensor<4x2xf32>) -> tensor<4x2xf32>
    "func.return"(%3) : (tensor<4x2xf32>) -> ()
  }) {arg_attrs = [{}, {}]} : () -> ()
}) : () -> ()
